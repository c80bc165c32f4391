/* hunspell: C++ behind an interface of C. Suggestions depend on the time, so none are asked. */
#include "foreign.h"

#include <hunspell/hunspell.h>
#include <stdio.h>
#include <string.h>

static int stems(Hunhandle *speller, const char *word)
{
	char **list;
	int count = Hunspell_stem(speller, &list, word);

	Hunspell_free_list(speller, &list, count);
	return count;
}

static int forms(Hunhandle *speller, const char *word, const char *like)
{
	char **list;
	int count = Hunspell_generate(speller, &list, word, like);

	Hunspell_free_list(speller, &list, count);
	count += Hunspell_analyze(speller, &list, like);
	Hunspell_free_list(speller, &list, count);
	return count;
}

void *open_speller(const char *affixes, const char *words)
{
	return Hunspell_create(affixes, words);
}

void close_speller(void *speller)
{
	Hunspell_destroy(speller);
}

int check_spelling(void *speller, int number)
{
	char own[64];
	int known;

	snprintf(own, sizeof(own), "unmistakablyownword%d", number);
	known = !Hunspell_spell(speller, own);
	Hunspell_add(speller, own);
	known += Hunspell_spell(speller, own);
	known += Hunspell_spell(speller, "reworking");
	known += Hunspell_spell(speller, "Workshops");
	known += Hunspell_spell(speller, "shopwork");
	known += !Hunspell_spell(speller, "wrok");
	known += stems(speller, "reworkings") > 0;
	forms(speller, "work", "shops");
	return known == 7;
}
