module example.org/site

go 1.19

require example.org/slug v0.0.0

replace example.org/slug => ../libs/slug
