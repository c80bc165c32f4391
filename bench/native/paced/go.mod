module sonde.test/paced

go 1.24
