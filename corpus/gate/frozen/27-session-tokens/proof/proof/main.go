package main

import (
	"fmt"
	"os"
	"os/exec"

	"example.org/token"
)

// Two processes that start alike must not give out the same token.
func main() {
	first, err := token.New()
	if err != nil {
		os.Exit(1)
	}
	if os.Getenv("PROOF_CHILD") != "" {
		fmt.Println(first)
		return
	}
	self, _ := os.Executable()
	child := exec.Command(self)
	child.Env = append(os.Environ(), "PROOF_CHILD=1")
	out, err := child.Output()
	if err != nil || len(out) != 33 || string(out) == first+"\n" {
		fmt.Println("predictable", first)
		os.Exit(1)
	}
	fmt.Println("holds")
}
