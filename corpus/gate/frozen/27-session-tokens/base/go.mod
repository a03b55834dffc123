module example.org/token

go 1.19
