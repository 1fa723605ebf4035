/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#include "policy/load_value.h"
#include "policy/table.h"

#define DAY_MS UINT64_C(86400000)

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at the front of text; returns how many, 0 if it is no number. */
static size_t
read_digits(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; is_digit(text[i]); i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'),
			&value))
			return 0;
	}
	if (i == 0 || (i > 1 && text[0] == '0'))
		return 0;
	*out = value;
	return i;
}

bool
load_value_uint(const char *text, uint64_t *out)
{
	uint64_t value;
	size_t n = read_digits(text, &value);

	if (n == 0 || text[n] != '\0')
		return false;
	*out = value;
	return true;
}

bool
load_value_size(const char *text, uint64_t *bytes_out)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30},
	    {"TiB", 40}};
	uint64_t value;
	size_t i, n = read_digits(text, &value);

	if (n == 0)
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + n, units[i].name) != 0)
			continue;
		if (value > UINT64_MAX >> units[i].shift)
			return false;
		*bytes_out = value << units[i].shift;
		return true;
	}
	return false;
}

static int
two_digits(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

bool
load_value_date(const char *text, uint64_t *until_ms_out)
{
	uint64_t start;
	size_t i;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	for (i = 0; i < 10; i++) {
		if (i != 4 && i != 7 && !is_digit(text[i]))
			return false;
	}
	/* Years outside are typing errors; no clock of ours leaves them. */
	if (strncmp(text, "20", 2) != 0)
		return false;
	if (!clock_from_day_jst(two_digits(text) * 100 + two_digits(text + 2),
		two_digits(text + 5), two_digits(text + 8), &start))
		return false;
	*until_ms_out = start + DAY_MS;
	return true;
}

bool
load_value_mode(const char *text, uint32_t *out)
{
	uint32_t mode = 0;
	size_t i, len = strlen(text);

	if (len < 3 || len > 4 || (len == 4 && text[0] != '0'))
		return false;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '7')
			return false;
		mode = mode * 8 + (uint32_t)(text[i] - '0');
	}
	if ((mode & 0111) != 0 || (mode & 0400) == 0)
		return false;
	*out = mode;
	return true;
}

bool
load_value_is_id(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= POLICY_ID_LEN)
		return false;
	if (text[0] == '-' || text[len - 1] == '-')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

bool
load_value_is_name(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= POLICY_ID_LEN)
		return false;
	if (text[0] == '-' || text[0] == '.')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

bool
load_value_is_path(const char *text, size_t size)
{
	const char *p = text;
	size_t len;

	if (text[0] != '/' || strlen(text) >= size)
		return false;
	while (*p == '/') {
		p++;
		len = strcspn(p, "/");
		if (len == 0 || (len == 1 && p[0] == '.') ||
		    (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += len;
	}
	return true;
}

bool
load_value_is_address(const char *text)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	const char *colon = strrchr(text, ':');
	const char *start = text;
	uint64_t port;
	size_t len;
	int family = AF_INET;

	if (strlen(text) >= POLICY_ADDR_LEN || colon == NULL)
		return false;
	if (!load_value_uint(colon + 1, &port) || port < 1 || port > 65535)
		return false;
	len = (size_t)(colon - text);
	if (text[0] == '[') {
		if (len < 2 || text[len - 1] != ']')
			return false;
		family = AF_INET6;
		start++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return false;
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, start);
	return inet_pton(family, host, &addr) == 1;
}

/* Sequence length by lead byte, 0 for a byte that cannot lead. */
static size_t
lead_length(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

size_t
load_value_char(const uint8_t *p, size_t left, uint32_t *out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c;
	size_t i, len;

	if (left == 0 || (len = lead_length(p[0])) == 0 || len > left)
		return 0;
	c = p[0] & masks[len];
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return len;
}

bool
load_value_is_char_allowed(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} refused[] = {
		{0x0000, 0x001f},   /* C0 controls */
		{0x007f, 0x009f},   /* DEL, C1 controls */
		{0x00ad, 0x00ad},   /* soft hyphen */
		{0x061c, 0x061c},   /* Arabic letter mark */
		{0x180e, 0x180e},   /* Mongolian vowel separator */
		{0x200b, 0x200f},   /* zero width, LRM, RLM */
		{0x2028, 0x202e},   /* line separators, bidi embeddings */
		{0x2060, 0x206f},   /* word joiner, bidi isolates */
		{0xfdd0, 0xfdef},   /* noncharacters */
		{0xfeff, 0xfeff},   /* byte order mark inside text */
		{0xfff9, 0xfffb},   /* interlinear annotation */
		{0xe0000, 0xe007f}, /* tags */
	};
	size_t i;

	if ((c & 0xfffe) == 0xfffe)
		return false;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (c >= refused[i].first && c <= refused[i].last)
			return false;
	}
	return true;
}

void
load_value_show(struct buf *b, const char *text, unsigned max)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t left = strlen(text), n;
	uint32_t c = 0;
	unsigned shown;

	for (shown = 0; left > 0; shown++, p += n, left -= n) {
		if (shown == max) {
			buf_put_str(b, "…");
			return;
		}
		n = load_value_char(p, left, &c);
		if (n == 0) {
			n = 1;
			buf_printf(b, "\\x%02X", *p);
		} else if (!load_value_is_char_allowed(c)) {
			buf_printf(b, "U+%04X", c);
		} else {
			buf_put(b, p, n);
		}
	}
}
