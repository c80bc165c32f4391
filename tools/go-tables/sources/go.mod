module sonde.invalid/go-tables/sources

go 1.21
