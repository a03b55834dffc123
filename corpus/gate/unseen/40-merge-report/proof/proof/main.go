package main

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"

	"example.org/spans/spans"
)

const failing = `{"Action":"fail","Package":"p","Test":"TestQuick","Elapsed":0}` + "\n"

func main() {
	got := spans.Merge([]spans.Span{{From: 5, To: 6}, {From: 0, To: 4}, {From: 4, To: 5}, {From: 1, To: 2}})
	if !reflect.DeepEqual(got, []spans.Span{{From: 0, To: 6}}) {
		fmt.Println(got)
		return
	}
	if err := os.WriteFile("events.json", []byte(failing), 0o600); err != nil {
		panic(err)
	}
	if exec.Command("go", "run", "./cmd/report", "events.json", "events.xml").Run() == nil {
		fmt.Println("a failure passes")
		return
	}
	fmt.Println("holds")
}
