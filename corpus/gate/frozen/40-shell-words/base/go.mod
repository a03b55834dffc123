module example.org/shellwords

go 1.19
