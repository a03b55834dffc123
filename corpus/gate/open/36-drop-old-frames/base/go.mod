module example.org/frame

go 1.19
