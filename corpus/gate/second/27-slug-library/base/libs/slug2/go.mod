module example.org/slug2

go 1.19
