module example.org/invoice

go 1.19
