/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "tests/unit/scanners/samples.h"

void
sample_le16(struct buf *b, unsigned v)
{
	buf_put_u8(b, (uint8_t)v);
	buf_put_u8(b, (uint8_t)(v >> 8));
}

void
sample_le32(struct buf *b, uint32_t v)
{
	sample_le16(b, v & 0xffff);
	sample_le16(b, v >> 16);
}

static uint32_t
crc32_of(const uint8_t *p, size_t len)
{
	uint32_t crc = 0xffffffff;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		crc ^= p[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* --- zip ------------------------------------------------------------------------ */

void
sample_zip_begin(struct sample_zip *z, struct buf *out)
{
	memset(z, 0, sizeof(*z));
	z->out = out;
	z->start = out->len;
	buf_init(&z->central, 64u << 20);
}

static void
zip_fields(const struct sample_zip *z, struct buf *b, const void *data,
    size_t len, const char *name)
{
	sample_le16(b, 20);
	sample_le16(b, z->is_encrypted ? 1 : 0);
	sample_le16(b, 0);	/* stored */
	sample_le32(b, 0x5a210000);
	sample_le32(b, crc32_of(data, len));
	sample_le32(b, (uint32_t)len);
	sample_le32(b, z->claimed_size != 0 ? z->claimed_size :
	    (uint32_t)len);
	sample_le16(b, (unsigned)strlen(name));
	sample_le16(b, 0);
}

void
sample_zip_add(struct sample_zip *z, const char *name, const void *data,
    size_t len)
{
	const uint32_t off = (uint32_t)(z->out->len - z->start);

	buf_put(z->out, "PK\3\4", 4);
	zip_fields(z, z->out, data, len, name);
	buf_put_str(z->out, name);
	buf_put(z->out, data, len);
	buf_put(&z->central, "PK\1\2\x14\0", 6);
	zip_fields(z, &z->central, data, len, name);
	buf_put_zero(&z->central, 10);
	sample_le32(&z->central, off);
	buf_put_str(&z->central, name);
	z->count++;
}

void
sample_zip_end(struct sample_zip *z, const char *comment)
{
	const uint32_t off = (uint32_t)(z->out->len - z->start);

	buf_put(z->out, z->central.data, z->central.len);
	buf_put(z->out, "PK\5\6\0\0\0\0", 8);
	sample_le16(z->out, z->count);
	sample_le16(z->out, z->count);
	sample_le32(z->out, (uint32_t)z->central.len);
	sample_le32(z->out, off);
	sample_le16(z->out, (unsigned)strlen(comment));
	buf_put_str(z->out, comment);
	buf_clear(&z->central);
}

void
sample_zip_of(struct buf *out, const char *const *names)
{
	struct sample_zip z;

	sample_zip_begin(&z, out);
	for (; *names != NULL; names++)
		sample_zip_add(&z, *names, "<x/>", 4);
	sample_zip_end(&z, "");
}

/* --- CFB ------------------------------------------------------------------------- */

static void
cfb_entry(struct buf *b, const char *name, unsigned type, uint32_t child,
    const uint8_t *clsid)
{
	size_t i, len = strlen(name);

	for (i = 0; i < 32; i++)
		sample_le16(b, i < len ? (unsigned char)name[i] : 0);
	sample_le16(b, (unsigned)(2 * len + 2));
	buf_put_u8(b, (uint8_t)type);
	buf_put_u8(b, 1);
	sample_le32(b, 0xffffffff);
	sample_le32(b, 0xffffffff);
	sample_le32(b, child);
	if (clsid != NULL)
		buf_put(b, clsid, 16);
	else
		buf_put_zero(b, 16);
	buf_put_zero(b, 20);
	sample_le32(b, 0xfffffffe);
	buf_put_zero(b, 8);
}

/* Header, one sector of allocation table, four of directory. */
void
sample_cfb(struct buf *out, const char *const *names, const uint8_t clsid[16])
{
	int i;

	buf_put(out, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8);
	buf_put_zero(out, 16);
	sample_le16(out, 0x3e);
	sample_le16(out, 3);
	sample_le16(out, 0xfffe);
	sample_le16(out, 9);
	sample_le16(out, 6);
	buf_put_zero(out, 10);
	sample_le32(out, 1);
	sample_le32(out, 1);		/* first sector of the directory */
	sample_le32(out, 0);
	sample_le32(out, 4096);
	sample_le32(out, 0xfffffffe);
	sample_le32(out, 0);
	sample_le32(out, 0xfffffffe);
	sample_le32(out, 0);
	sample_le32(out, 0);		/* table in sector 0 */
	for (i = 1; i < 109; i++)
		sample_le32(out, 0xffffffff);
	sample_le32(out, 0xfffffffd);
	sample_le32(out, 2);
	sample_le32(out, 3);
	sample_le32(out, 4);
	sample_le32(out, 0xfffffffe);
	for (i = 5; i < 128; i++)
		sample_le32(out, 0xffffffff);
	cfb_entry(out, "Root Entry", 5, 1, clsid);
	for (i = 1; i < 16; i++) {
		if (*names != NULL)
			cfb_entry(out, *names++, 2, 0xffffffff, NULL);
		else
			buf_put_zero(out, 128);
	}
}

/* --- others ----------------------------------------------------------------------- */

static void
png_chunk(struct buf *b, const char *type, const void *data, size_t len)
{
	const size_t at = b->len + 4;

	buf_put_u32(b, (uint32_t)len);
	buf_put(b, type, 4);
	buf_put(b, data, len);
	buf_put_u32(b, crc32_of(b->data + at, len + 4));
}

void
sample_png(struct buf *out)
{
	buf_put(out, "\x89PNG\r\n\x1a\n", 8);
	png_chunk(out, "IHDR", "\0\0\0\1\0\0\0\1\x08\0\0\0\0", 13);
	png_chunk(out, "IDAT", "\x78\x9c\x63\x60\0\0\0\2\0\1", 10);
	png_chunk(out, "IEND", "", 0);
}

void
sample_jpeg(struct buf *out)
{
	static const uint8_t bytes[] = {
		0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0,
		0, 1, 0, 1, 0, 0,
		0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0,
		0xff, 0xda, 0, 8, 1, 1, 0, 0, 0x3f, 0,
		0x12, 0x34, 0xff, 0x00, 0x56, 0xff, 0xd0, 0x78,
		0xff, 0xd9,
	};

	buf_put(out, bytes, sizeof(bytes));
}

void
sample_gif(struct buf *out)
{
	static const uint8_t bytes[] = {
		'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0x80, 0, 0,
		0, 0, 0, 0xff, 0xff, 0xff,
		0x21, 0xf9, 4, 0, 0, 0, 0, 0,
		0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0,
		0x3b,
	};

	buf_put(out, bytes, sizeof(bytes));
}

void
sample_pdf(struct buf *out)
{
	buf_put_str(out, "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
	    "1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
	    "2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n"
	    "xref\n0 3\n0000000000 65535 f \n0000000015 00000 n \n"
	    "0000000064 00000 n \n"
	    "trailer\n<< /Size 3 /Root 1 0 R >>\nstartxref\n113\n%%EOF\n");
}

void
sample_pe(struct buf *out)
{
	buf_put(out, "MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0", 16);
	buf_put_zero(out, 44);
	sample_le32(out, 64);
	buf_put(out, "PE\0\0\x64\x86\1\0", 8);
	buf_put_zero(out, 200);
}

void
sample_tar(struct buf *out)
{
	uint8_t head[512] = "file.txt";
	unsigned sum = 0;
	size_t i;

	memcpy(head + 100, "0000644\0" "0000000\0" "0000000\0"
	    "00000000004\0" "00000000000\0" "        0", 57);
	memcpy(head + 257, "ustar\0" "00", 8);
	for (i = 0; i < sizeof(head); i++)
		sum += head[i];
	snprintf((char *)head + 148, 8, "%06o", sum);
	head[155] = ' ';
	buf_put(out, head, sizeof(head));
	buf_put_str(out, "text");
	buf_put_zero(out, 508 + 1024);
}

void
sample_eicar(struct buf *out)
{
	static const char *const halves[] = {
		"X5O!P%@AP[4\\PZX54(P^)7CC)7}$",
		"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
	};

	buf_put_str(out, halves[0]);
	buf_put_str(out, halves[1]);
}
