module sonde.invalid/service

go 1.21
