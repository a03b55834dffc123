package main

import (
	"fmt"
	"net/http"
	"os"

	"serve"
)

func main() {
	config := serve.Default()
	if file, err := os.Open("serve.conf"); err == nil {
		defer file.Close()
		if config, err = serve.Read(file); err != nil {
			fmt.Fprintln(os.Stderr, "serve.conf:", err)
			os.Exit(2)
		}
	}
	address := fmt.Sprintf("%s:%d", config.Host, config.Port)
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, http.FileServer(http.Dir(config.Root))))
}
