module example.org/folder

go 1.19
