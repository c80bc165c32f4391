module sonde.invalid/gosym

go 1.21
