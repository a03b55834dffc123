module example.org/records

go 1.19
