// Package serve is a small file server.
package serve

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Config is what the config file says, or the defaults.
type Config struct {
	Host  string
	Port  int
	Root  string
	Index string
}

// Default is a config that serves the current folder to this machine.
func Default() Config {
	return Config{Host: "127.0.0.1", Port: 8080, Root: ".", Index: "index.html"}
}

// Read reads lines of the form key = value. Empty lines and those that begin with # count for nothing.
func Read(from io.Reader) (Config, error) {
	config := Default()
	lines := bufio.NewScanner(from)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			return config, fmt.Errorf("line %d: %q is no key = value", number, line)
		}
		if err := config.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return config, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return config, lines.Err()
}

func (c *Config) set(key, value string) error {
	switch key {
	case "host":
		c.Host = value
	case "port":
		port, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return fmt.Errorf("port %q is no number from 0 to 65535", value)
		}
		c.Port = int(port)
	case "root":
		c.Root = value
	case "index":
		c.Index = value
	}
	return nil
}
