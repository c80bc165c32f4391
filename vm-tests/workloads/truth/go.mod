module sonde.test/truth

go 1.15
