module sonde.test/workloads

go 1.24
