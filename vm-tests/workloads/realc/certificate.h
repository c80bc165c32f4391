/* Work for libcrypto that draws no random numbers, so that its stacks are the same in every run. */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

/* Signs a certificate, writes it as text, reads it and verifies it; 1 for success. */
int certify(int number);

/* Encrypts and decrypts under a key made of a password; 1 for success. */
int seal(int number);

/* Begins a digest that is never freed. */
void forgotten_digest(int number);

#endif
