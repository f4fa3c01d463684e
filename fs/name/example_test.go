package name_test

import (
	"fmt"
	"strings"

	"allasfs/fs/name"
)

func ExampleEncode() {
	for _, elem := range []string{"report.csv", "100%", "", ".", "..", "a%{b", "nul\x00"} {
		fmt.Printf("%q\t%s\n", elem, name.Encode(elem, false)[0])
	}
	fmt.Printf("%q beside %q\t%s\n", "file", "file/child", name.Encode("file", true)[0])
	// Output:
	// "report.csv"	report.csv
	// "100%"	100%
	// ""	%{}
	// "."	%{2E}
	// ".."	%{2E}.
	// "a%{b"	a%{25}{b
	// "nul\x00"	nul%{00}
	// "file" beside "file/child"	file%{object}
}

func ExampleEncode_long() {
	for _, n := range name.Encode(strings.Repeat("x", 600), false) {
		fmt.Printf("%d bytes, ends in %s\n", len(n), n[len(n)-4:])
	}
	// Output:
	// 250 bytes, ends in %{+}
	// 250 bytes, ends in %{+}
	// 108 bytes, ends in xxxx
}

func ExampleDecode() {
	for _, n := range []string{"report.csv", "%{}", "%{2E}.", "file%{object}", "%{41}", ".."} {
		p, err := name.Decode(n)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s\t%q object=%v\n", n, p.Elem, p.Object)
	}
	// Output:
	// report.csv	"report.csv" object=false
	// %{}	"" object=false
	// %{2E}.	".." object=false
	// file%{object}	"file" object=true
	// invalid name: "%{41}"
	// invalid name: ".."
}

func ExamplePath() {
	for _, key := range []string{"a/b.txt", "a//b", "/lead", "x/", "a/../b"} {
		fmt.Printf("%-8s %s\n", key, name.Path(key, false))
	}
	// Output:
	// a/b.txt  a/b.txt
	// a//b     a/%{}/b
	// /lead    %{}/lead
	// x/       x/%{}
	// a/../b   a/%{2E}./b
}

func ExampleCheckBucket() {
	fmt.Println(name.CheckBucket("project_2012345-data"))
	fmt.Println(name.CheckBucket("My-Data"))
	// Output:
	// <nil>
	// invalid name: bucket "My-Data": a bucket's name holds only lower-case letters a-z, digits, '.', '-' and '_'
}
