/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayctl/verify/findings.h"

static const struct {
	const char *word, *ja, *en;
} texts[FIND_COUNT] = {
#define X(name, word, ja, en) [name] = {word, ja, en},
	FINDING_TABLE(X)
#undef X
};

void
findings_add(struct findings *f, enum finding_log log, enum finding_code code,
    uint64_t entry, const char *path)
{
	struct finding *kept;

	if (f->count++ >= FINDINGS_KEPT)
		return;
	kept = &f->kept[f->count - 1];
	kept->log = log;
	kept->code = code;
	kept->entry = entry;
	mem_put_str(kept->path, sizeof(kept->path),
	    path == NULL ? "" : path);
}

const char *
findings_word(enum finding_code code)
{
	return texts[code].word;
}

const char *
findings_text(enum finding_code code, bool is_ja)
{
	return is_ja ? texts[code].ja : texts[code].en;
}
