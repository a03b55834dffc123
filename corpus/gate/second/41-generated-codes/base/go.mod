module codes

go 1.19
