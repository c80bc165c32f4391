package main

// #include "certificate.h"
import "C"

import "sonde.test/workloads/line"

//go:noinline
func issueCertificate(round int) {
	if C.certify(C.int(round)) != 1 {
		line.Fail("certificate %d was not verified", round)
	}
	if C.seal(C.int(round)) != 1 {
		line.Fail("message %d was not opened", round)
	}
}

// fingerprint forgets to free its digest.
//
//go:noinline
func fingerprint(number int) {
	C.forgotten_digest(C.int(number))
}
