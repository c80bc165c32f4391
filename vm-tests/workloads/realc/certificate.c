/* Ed25519 keys of fixed seeds and PBKDF2 of a fixed password: nothing here asks for randomness. */
#include "certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

static EVP_PKEY *key_of(int number)
{
	unsigned char seed[32];

	memset(seed, number + 1, sizeof(seed));
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
}

static void add_name(X509 *certificate, const char *host)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)host, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Sonde", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
}

static void add_extension(X509 *certificate, int kind, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

int certify(int number)
{
	EVP_PKEY *key = key_of(number);
	X509 *certificate = X509_new(), *copy;
	BIO *text = BIO_new(BIO_s_mem());
	int verified;

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), number + 1);
	ASN1_TIME_set(X509_getm_notBefore(certificate), 1700000000);
	ASN1_TIME_set(X509_getm_notAfter(certificate), 2000000000);
	X509_set_pubkey(certificate, key);
	add_name(certificate, "host.example");
	add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:1");
	add_extension(certificate, NID_subject_alt_name, "DNS:host.example,IP:127.0.0.1");
	X509_sign(certificate, key, NULL);
	PEM_write_bio_X509(text, certificate);
	X509_print(text, certificate);
	copy = PEM_read_bio_X509(text, NULL, NULL, NULL);
	verified = copy ? X509_verify(copy, key) : 0;
	X509_free(copy);
	X509_free(certificate);
	BIO_free(text);
	EVP_PKEY_free(key);
	return verified;
}

int seal(int number)
{
	unsigned char key[32], nonce[12] = { 0 }, sealed[256], opened[256];
	int length = 0, more = 0, total, ok;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char message[200];

	memset(message, number, sizeof(message));
	PKCS5_PBKDF2_HMAC("correct horse", 13, nonce, sizeof(nonce), 100, EVP_sha256(), sizeof(key),
			  key);
	EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), NULL, key, nonce);
	EVP_EncryptUpdate(context, sealed, &length, message, sizeof(message));
	EVP_EncryptFinal_ex(context, sealed + length, &more);
	total = length + more;
	EVP_DecryptInit_ex(context, EVP_aes_256_ctr(), NULL, key, nonce);
	EVP_DecryptUpdate(context, opened, &length, sealed, total);
	EVP_DecryptFinal_ex(context, opened + length, &more);
	ok = length + more == sizeof(message) && !memcmp(opened, message, sizeof(message));
	EVP_CIPHER_CTX_free(context);
	return ok;
}

void forgotten_digest(int number)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	EVP_DigestInit_ex(context, EVP_sha512(), NULL);
	EVP_DigestUpdate(context, &number, sizeof(number));
}
