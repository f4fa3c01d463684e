package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"allasfs/s3/s3test/fakes3"
)

const sampleBucket = "sample-data"

const readme = `Sample data of allasfs

stations/YEAR/STATION.csv   daily weather of four made-up stations, three years: date,temperature_c,precipitation_mm,wind_ms
stations/stations.geojson   where the stations are
genome/reference.fa         two short random chromosomes
genome/variants.vcf         a hundred variants on them
genome/reads.sam            five hundred reads of them, not sorted
measurements/signal.bin     1 048 576 little-endian float32, a noisy sine: 4 MiB

All of it is made by a program and means nothing. The bucket is in memory and gone when the server ends: try what you like.
`

type station struct {
	name     string
	lon, lat float64
	mean     float64 // °C over the year
}

func stations() []station {
	return []station{
		{"espoo", 24.66, 60.21, 6.1}, {"kajaani", 27.73, 64.22, 2.6}, {"sodankyla", 26.59, 67.42, 0.3}, {"turku", 22.27, 60.45, 6.4},
	}
}

// fill puts the sample data into the server: the same bytes at each start.
func fill(s *fakes3.Server) {
	r := rand.New(rand.NewPCG(2001234, 1))
	put := func(key, contentType string, data []byte) {
		s.PutObject(sampleBucket, key, data, map[string]string{"content-type": contentType})
	}
	put("README.txt", "text/plain", []byte(readme))
	put("stations/stations.geojson", "application/geo+json", geoJSON())
	for year := 2021; year <= 2023; year++ {
		for _, st := range stations() {
			put(fmt.Sprintf("stations/%d/%s.csv", year, st.name), "text/csv", weather(r, st, year))
		}
	}
	genome := []chromosome{newChromosome(r, "chr1", 24_000), newChromosome(r, "chr2", 16_000)}
	put("genome/reference.fa", "text/plain", fasta(genome))
	put("genome/variants.vcf", "text/plain", variants(r, genome, 50))
	put("genome/reads.sam", "text/plain", reads(r, genome, 250))
	put("measurements/signal.bin", "application/octet-stream", wave(r, 1<<20))
}

func geoJSON() []byte {
	var b bytes.Buffer
	b.WriteString(`{"type":"FeatureCollection","features":[`)
	for i, st := range stations() {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n"+`{"type":"Feature","geometry":{"type":"Point","coordinates":[%.2f,%.2f]},"properties":{"name":%q}}`, st.lon, st.lat, st.name)
	}
	b.WriteString("\n]}\n")
	return b.Bytes()
}

// weather returns a CSV file with a line a day of the year.
func weather(r *rand.Rand, st station, year int) []byte {
	var b bytes.Buffer
	b.WriteString("date,temperature_c,precipitation_mm,wind_ms\n")
	for day := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() == year; day = day.AddDate(0, 0, 1) {
		season := -14 * math.Cos(2*math.Pi*float64(day.YearDay()-20)/365)
		rain := max(0, r.NormFloat64()*4)
		fmt.Fprintf(&b, "%s,%.1f,%.1f,%.1f\n", day.Format(time.DateOnly), st.mean+season+3*r.NormFloat64(), rain, math.Abs(4+2*r.NormFloat64()))
	}
	return b.Bytes()
}

type chromosome struct {
	name  string
	bases []byte
}

func newChromosome(r *rand.Rand, name string, n int) chromosome {
	c := chromosome{name: name, bases: make([]byte, n)}
	for i := range c.bases {
		c.bases[i] = "ACGT"[r.IntN(4)]
	}
	return c
}

func fasta(genome []chromosome) []byte {
	var b bytes.Buffer
	for _, c := range genome {
		fmt.Fprintf(&b, ">%s\n", c.name)
		for line := range chunks(c.bases, 60) {
			b.Write(line)
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// chunks yields the pieces of p that have n bytes, and the rest.
func chunks(p []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(p) > 0 {
			k := min(n, len(p))
			if !yield(p[:k]) {
				return
			}
			p = p[k:]
		}
	}
}

// variants returns a VCF file with n substitutions a chromosome, in order of position.
func variants(r *rand.Rand, genome []chromosome, n int) []byte {
	var b bytes.Buffer
	b.WriteString("##fileformat=VCFv4.2\n")
	for _, c := range genome {
		fmt.Fprintf(&b, "##contig=<ID=%s,length=%d>\n", c.name, len(c.bases))
	}
	b.WriteString("##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Depth\">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
	for _, c := range genome {
		step := len(c.bases) / n
		for i := range n {
			pos := i*step + r.IntN(step)
			ref := c.bases[pos]
			fmt.Fprintf(&b, "%s\t%d\t.\t%c\t%c\t%d\tPASS\tDP=%d\n", c.name, pos+1, ref, otherBase(r, ref), 20+r.IntN(40), 5+r.IntN(60))
		}
	}
	return b.Bytes()
}

func otherBase(r *rand.Rand, ref byte) byte {
	for {
		if alt := "ACGT"[r.IntN(4)]; alt != ref {
			return alt
		}
	}
}

// reads returns a SAM file with n reads of 100 bases a chromosome, in no order.
func reads(r *rand.Rand, genome []chromosome, n int) []byte {
	const length = 100
	var b bytes.Buffer
	b.WriteString("@HD\tVN:1.6\tSO:unsorted\n")
	for _, c := range genome {
		fmt.Fprintf(&b, "@SQ\tSN:%s\tLN:%d\n", c.name, len(c.bases))
	}
	quality := bytes.Repeat([]byte("I"), length)
	for _, c := range genome {
		for i := range n {
			pos := r.IntN(len(c.bases) - length)
			flag := 16 * r.IntN(2)
			fmt.Fprintf(&b, "%s-%04d\t%d\t%s\t%d\t60\t%dM\t*\t0\t0\t%s\t%s\n", c.name, i, flag, c.name, pos+1, length, c.bases[pos:pos+length], quality)
		}
	}
	return b.Bytes()
}

// wave returns n float32 of a noisy sine, little-endian.
func wave(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, 4*n)
	for i := range n {
		bits := math.Float32bits(float32(math.Sin(float64(i)/1000) + 0.1*r.NormFloat64()))
		b = append(b, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return b
}
