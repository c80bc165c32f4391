module sonde.invalid/go-tables/program

go 1.15
