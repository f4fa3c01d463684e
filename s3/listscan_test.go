package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gatewayPage is a page as Ceph 16.2.15 writes it, without encoding-type: it has the names of characters that XML does not allow.
const gatewayPage = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>` +
	`<MaxKeys>3</MaxKeys><IsTruncated>true</IsTruncated><Contents><Key>a&#x0d;b&#x01;</Key><LastModified>2026-11-22T18:42:37.407Z</LastModified>` +
	`<ETag>&quot;764efa883dda1e11db47671c4a3bbd9e&quot;</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass><Type>Normal</Type></Contents>` +
	`<Contents><Key>sp +%41</Key><LastModified>2026-02-30T00:00:00.000Z</LastModified><ETag>&quot;x-2&quot;</ETag><Size>9007199254740993</Size>` +
	`<StorageClass>COLD</StorageClass><Type>Appendable</Type></Contents><CommonPrefixes><Prefix>d &amp; e/</Prefix></CommonPrefixes>` +
	`<NextContinuationToken>sp +</NextContinuationToken><KeyCount>3</KeyCount></ListBucketResult>`

func TestScanPage(t *testing.T) {
	if _, err := scanPage([]byte(gatewayPage)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("the 30th of February is a date: %v", err)
	}
	page, err := scanPage([]byte(strings.Replace(gatewayPage, "2026-02-30", "2026-03-31", 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := &Page{
		Objects: []Object{
			{Key: "a\rb\x01", Size: 3, ETag: "764efa883dda1e11db47671c4a3bbd9e", Modified: time.Date(2026, 11, 22, 18, 42, 37, 407e6, time.UTC)},
			{Key: "sp +%41", Size: 9007199254740993, ETag: "x-2", Modified: time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC), StorageClass: "COLD", Appendable: true},
		},
		Prefixes: []string{"d & e/"}, Token: "sp +",
	}
	if !reflect.DeepEqual(page, want) {
		t.Errorf("got  %+v\nwant %+v", page, want)
	}
}

func TestScanPageEncoded(t *testing.T) {
	page, err := scanPage([]byte(`<ListBucketResult><Contents><Key>b+c%2F%FF%25</Key></Contents><Contents><Key>a</Key><Size/></Contents>` +
		`<CommonPrefixes><Prefix>%01/</Prefix></CommonPrefixes><EncodingType>url</EncodingType></ListBucketResult>`))
	if err == nil {
		t.Fatalf("an empty size is taken: %+v", page)
	}
	page, err = scanPage([]byte(`<ListBucketResult><Contents><Key>b+c%2F%FF%25</Key></Contents><Contents><Key>a</Key></Contents>` +
		`<CommonPrefixes><Prefix>%01/</Prefix></CommonPrefixes><EncodingType>url</EncodingType></ListBucketResult>`))
	if err != nil || page.Objects[0].Key != "a" || page.Objects[1].Key != "b c/\xff%" || page.Prefixes[0] != "\x01/" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestScanPageRefuses(t *testing.T) {
	for _, doc := range []string{
		"", "not XML", "<Error><Code>x</Code></Error>", "<ListBucketResult>", "<ListBucketResult><Contents></ListBucketResult",
		"<ListBucketResult><Contents><Key>cut", "<ListBucketResult><Contents><Size>x</Size></Contents></ListBucketResult>",
		"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "<ListBucketResult><Contents><Key>&nope;</Key></Contents></ListBucketResult>",
		"<!DOCTYPE x><ListBucketResult></ListBucketResult>",
	} {
		if page, err := scanPage([]byte(doc)); err == nil {
			t.Errorf("%q is read as %+v", doc, page)
		}
	}
}

func TestParseXMLDepth(t *testing.T) {
	if _, err := parseXML([]byte(strings.Repeat("<a>", 1<<20))); err == nil {
		t.Error("a document without an end is taken")
	}
}

// xmlPage is the page by encoding/xml.
type xmlPage struct {
	XMLName  xml.Name `xml:"ListBucketResult"`
	Contents []struct {
		Key, ETag, LastModified, StorageClass, Type string
		Size                                        *string
	}
	CommonPrefixes []struct{ Prefix []string }

	IsTruncated, EncodingType, NextContinuationToken string
}

// page decodes like scanPage; ok is false where that may refuse what encoding/xml does not.
func (x *xmlPage) page() (p *Page, ok bool) {
	p = &Page{}
	name := func(s string) string {
		if x.EncodingType != "url" {
			return s
		}
		d, err := url.QueryUnescape(s)
		ok = ok && err == nil
		return d
	}
	ok = true
	for _, c := range x.Contents {
		o := Object{Key: name(c.Key), ETag: strings.Trim(c.ETag, `"`), StorageClass: c.StorageClass, Appendable: c.Type == "Appendable"}
		var err error
		if c.Size != nil {
			if o.Size, err = strconv.ParseInt(strings.TrimSpace(*c.Size), 10, 64); err != nil {
				return nil, false
			}
		}
		if c.LastModified != "" {
			if o.Modified, err = time.Parse(time.RFC3339, c.LastModified); err != nil {
				return nil, false
			}
		}
		if o.StorageClass == "STANDARD" {
			o.StorageClass = ""
		}
		p.Objects = append(p.Objects, o)
	}
	for _, c := range x.CommonPrefixes {
		for _, prefix := range c.Prefix {
			p.Prefixes = append(p.Prefixes, name(prefix))
		}
	}
	if strings.TrimSpace(x.IsTruncated) == "true" {
		p.Token = x.NextContinuationToken
		ok = ok && p.Token != ""
	}
	slices.SortFunc(p.Objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(p.Prefixes)
	return p, ok
}

// FuzzScanPage: what encoding/xml reads, the scanner reads alike. (The other way round it takes more: characters that XML forbids.)
func FuzzScanPage(f *testing.F) {
	f.Add(strings.Replace(strings.Replace(strings.Replace(gatewayPage, "2026-02-30", "2026-03-31", 1), "&#x0d;", "&#13;", 1), "&#x01;", "", 1))
	f.Add(`<x:ListBucketResult xmlns:x="u" a='>'><!-- <Key> --><Contents><Key><![CDATA[<&>]]>b<i>no</i>c</Key><Size> 5 </Size></Contents></x:ListBucketResult>`)
	f.Add("<?xml version=\"1.0\"?>\r\n<ListBucketResult>\r\n<Contents><Key>a\r\nb\rc&lt;&gt;&apos;&#65;&#x1F9EC;</Key></Contents><EncodingType>url</EncodingType></ListBucketResult>")
	f.Add(`<ListBucketResult><CommonPrefixes><Prefix/></CommonPrefixes><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>`)
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := scanPage([]byte(doc))
		var x xmlPage
		if strings.Contains(doc, "<!D") || xml.Unmarshal([]byte(doc), &x) != nil || repeats(doc) {
			return
		}
		want, ok := x.page()
		if !ok {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v, want %+v", doc, err, want)
		}
		if !samePage(got, want) {
			t.Fatalf("%q:\ngot  %+v\nwant %+v", doc, got, want)
		}
	})
}

// repeats reports whether an element is there twice or has attributes named like elements, where encoding/xml has habits of its own.
func repeats(doc string) bool {
	for _, name := range []string{"Key", "Size", "ETag", "LastModified", "StorageClass", "Type", "Prefix", "IsTruncated", "EncodingType", "NextContinuationToken"} {
		if strings.Count(doc, name) > 2*max(1, strings.Count(doc, "<Contents>")+strings.Count(doc, "<CommonPrefixes>")) {
			return true
		}
	}
	return strings.Contains(doc, "<!") && !strings.Contains(doc, "<!--") && !strings.Contains(doc, "<![CDATA[")
}

func samePage(a, b *Page) bool {
	return a.Token == b.Token && slices.Equal(a.Prefixes, b.Prefixes) && slices.EqualFunc(a.Objects, b.Objects, func(x, y Object) bool {
		return x.Key == y.Key && x.ETag == y.ETag && x.Size == y.Size && x.Modified.Equal(y.Modified) && x.StorageClass == y.StorageClass && x.Appendable == y.Appendable
	})
}

// page1000 is a full page as the gateway sends it.
func page1000() []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><EncodingType>url</EncodingType>`)
	for i := range 1000 {
		fmt.Fprintf(&b, `<Contents><Key>project%%2Fsample_%04d%%2Freads_%06d.fastq.gz</Key><LastModified>2026-11-22T18:42:37.407Z</LastModified>`+
			`<ETag>&quot;764efa883dda1e11db47671c4a3bbd9e&quot;</ETag><Size>%d</Size><StorageClass>STANDARD</StorageClass><Owner><ID>project_2001234</ID>`+
			`<DisplayName>Test project</DisplayName></Owner><Type>Normal</Type></Contents>`, i, i, i*1000)
	}
	b.WriteString("</ListBucketResult>")
	return []byte(b.String())
}

func BenchmarkScanPage(b *testing.B) {
	doc := page1000()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scanPage(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodingXML(b *testing.B) {
	doc := page1000()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		var x xmlPage
		if err := xml.Unmarshal(doc, &x); err != nil {
			b.Fatal(err)
		}
		x.page()
	}
}
