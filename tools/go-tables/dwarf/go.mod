module sonde.invalid/go-tables/dwarf

go 1.21
