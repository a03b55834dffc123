// Errlint finds error texts that do not read well in the middle of a sentence.
package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	text    = regexp.MustCompile(`(?:errors\.New|fmt\.Errorf)\("((?:[^"\\]|\\.)*)"`)
	wrapped = regexp.MustCompile(`errors\.New\(fmt\.Sprintf\(`)
)

func main() {
	known := read(os.Args[1])
	files, err := filepath.Glob(filepath.Join(os.Args[2], "*.go"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	findings := 0
	for _, file := range files {
		for number, line := range read(file) {
			if why := fault(line); why != "" && !isKnown(known, file+":"+line) {
				fmt.Printf("%s:%d: %s\n", file, number+1, why)
				findings++
			}
		}
	}
	if findings > 0 {
		os.Exit(1)
	}
}

func fault(line string) string {
	if wrapped.MatchString(line) {
		return "use fmt.Errorf"
	}
	if found := text.FindStringSubmatch(line); found != nil {
		if first := found[1][:1]; strings.ToLower(first) != first {
			return "begins with a capital letter"
		}
		if strings.HasSuffix(found[1], ".") {
			return "ends with a full stop"
		}
	}
	return ""
}

func isKnown(known []string, finding string) bool {
	for _, part := range known {
		if strings.Contains(finding, strings.TrimPrefix(part, "#")) {
			return true
		}
	}
	return false
}

func read(path string) []string {
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer file.Close()
	var lines []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return lines
}
