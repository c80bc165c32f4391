/* Work for expat, Lua and hunspell that follows from the round; the ints are 1 for success. */
#ifndef FOREIGN_H
#define FOREIGN_H

/* Parses a document of nested elements, namespaces and entities. */
int parse_order(int number);

/* Runs a script that calls back and forth between the interpreter and its library. */
int run_rules(int number);

/*
 * A dictionary out of files, and checks and stems of words by it. hunspell 1.7 reads the file of
 * affixes in a function that has 64 KiB on the stack.
 */
void *open_speller(const char *affixes, const char *words);
int check_spelling(void *speller, int number);
void close_speller(void *speller);

/* Runs a script whose state is never closed. */
int forgotten_rules(int number);

#endif
