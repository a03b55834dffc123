module example.org/changes

go 1.19
