/* expat: its parser calls itself for each entity, and us for each element. */
#include "foreign.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

static void XMLCALL on_start(void *seen, const XML_Char *name, const XML_Char **attributes)
{
	(void)name;
	for (int i = 0; attributes[i]; i += 2)
		++*(int *)seen;
}

static void XMLCALL on_end(void *seen, const XML_Char *name)
{
	(void)seen;
	(void)name;
}

static const char HEAD[] =
	"<?xml version='1.0'?>\n"
	"<!DOCTYPE order [\n"
	"  <!ELEMENT order (part*)>\n"
	"  <!ATTLIST part unit CDATA 'metre' note CDATA #IMPLIED>\n"
	"  <!ENTITY steel 'stainless steel'>\n"
	"  <!ENTITY plate '<part name=\"plate\" note=\"&steel; of &#50; mm\"/>'>\n"
	"]>\n"
	"<order xmlns='urn:shop' xmlns:p='urn:part'>";

static int feed(XML_Parser parser, const char *text, int last)
{
	return XML_Parse(parser, text, (int)strlen(text), last) == XML_STATUS_OK;
}

int parse_order(int number)
{
	char text[700];
	int seen = 0, ok;
	XML_Parser parser = XML_ParserCreateNS(NULL, '|');

	XML_SetHashSalt(parser, 7);
	XML_SetUserData(parser, &seen);
	XML_SetElementHandler(parser, on_start, on_end);
	ok = feed(parser, HEAD, 0);
	for (int i = 0; ok && i < 40; i++) {
		char name[400];

		memset(name, 'a' + i % 26, sizeof(name));
		name[(i * 37 + number) % (int)sizeof(name)] = '\0';
		snprintf(text, sizeof(text),
			 "<p:part p:size%d='%d' name='&steel;%s'><q:bolt xmlns:q='urn:%d'/>&plate;"
			 "<![CDATA[<raw>]]><!-- %d --></p:part>",
			 i, i, name, i, i);
		ok = feed(parser, text, 0);
	}
	ok = ok && feed(parser, "</order>", 1);
	XML_ParserFree(parser);
	return ok && seen > 80;
}
