// Command report reads the events of go test -json, writes them as junit.xml, and fails when a test has failed.
package main

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log"
	"os"
)

type event struct {
	Action, Package, Test string
}

type testcase struct {
	Name    string  `xml:"name,attr"`
	Class   string  `xml:"classname,attr"`
	Failure *string `xml:"failure"`
}

type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Cases    []testcase `xml:"testcase"`
}

func read(path string) (suite, error) {
	var result suite
	file, err := os.Open(path)
	if err != nil {
		return result, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return result, fmt.Errorf("%s: %w", path, err)
		}
		if e.Test == "" || e.Action != "pass" && e.Action != "fail" {
			continue
		}
		c := testcase{Name: e.Test, Class: e.Package}
		if e.Action == "fail" {
			c.Failure = new(string)
			result.Failures++
		}
		result.Tests++
		result.Cases = append(result.Cases, c)
	}
	return result, nil
}

func main() {
	result, err := read(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	bytes, err := xml.MarshalIndent(result, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], append(bytes, '\n'), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d tests, %d failed\n", result.Tests, result.Failures)
	if result.Failures > 0 || result.Tests == 0 {
		os.Exit(1)
	}
}
