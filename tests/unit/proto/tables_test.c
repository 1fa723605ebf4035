/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/sha256.h"
#include "proto/crypto/merkle.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"

#include "tests/unit/proto/support.h"

#define BODIES 5u

static const uint8_t parcel_key[32] = { 1 }, parcel_id[16] = { 2 };

/* A parcel's tables and the header that names them. */
struct parcel {
	struct parcel_header h;
	struct buf bodies;
	uint8_t keys[32 * BODIES + 16];
	uint8_t statement[64 + 16];
};

static void
make(struct parcel *p)
{
	struct body_record rec;
	uint8_t plain[32 * BODIES];
	uint32_t i;

	memset(p, 0, sizeof(*p));
	buf_init(&p->bodies, 1 << 20);
	p->h.suite = HPKE_P256;
	p->h.enc_len = 65;
	p->h.body_count = BODIES;
	for (i = 0; i < BODIES; i++) {
		memset(&rec, (int)i, sizeof(rec));
		rec.padded_len = body_padded_len(i * 100000);
		p->h.total_padded += rec.padded_len;
		tables_put_body(&p->bodies, &rec);
	}
	ck_assert_uint_eq(p->bodies.len, BODIES * BODY_RECORD_LEN);
	memset(plain, 7, sizeof(plain));
	ck_assert_int_eq(tables_seal(parcel_key, "gwp1 keys", parcel_id,
	    plain, sizeof(plain), p->keys), GW_OK);
	ck_assert_int_eq(tables_seal(parcel_key, "gwp1 statement", parcel_id,
	    plain, 64, p->statement), GW_OK);
	p->h.key_table_len = sizeof(p->keys);
	p->h.statement_len = sizeof(p->statement);
	ck_assert_int_eq(tables_root(p->bodies.data, p->bodies.len,
	    p->h.body_table_root), GW_OK);
	ck_assert_int_eq(sha256_of(p->keys, sizeof(p->keys),
	    p->h.key_table_hash), GW_OK);
	ck_assert_int_eq(sha256_of(p->statement, sizeof(p->statement),
	    p->h.statement_hash), GW_OK);
}

static enum gw_err
check(const struct parcel *p)
{
	return tables_check(&p->h, p->bodies.data, p->keys, p->statement);
}

START_TEST(records_survive_the_way)
{
	struct body_record rec;
	struct parcel p;
	uint8_t root[32], leaf[32];
	struct merkle m;
	uint32_t i;

	make(&p);
	merkle_init(&m);
	for (i = 0; i < BODIES; i++) {
		ck_assert_int_eq(tables_get_body(p.bodies.data, p.bodies.len,
		    i, &rec), GW_OK);
		ck_assert_uint_eq(rec.padded_len,
		    body_padded_len(i * 100000));
		ck_assert_uint_eq(rec.id[15], i);
		ck_assert_uint_eq(rec.chunk_root[31], i);
		ck_assert_uint_eq(rec.commitment[0], i);
		ck_assert_int_eq(merkle_leaf(p.bodies.data +
		    i * BODY_RECORD_LEN, BODY_RECORD_LEN, leaf), GW_OK);
		ck_assert_int_eq(merkle_add(&m, leaf), GW_OK);
	}
	ck_assert_int_eq(merkle_root(&m, root), GW_OK);
	ck_assert_mem_eq(root, p.h.body_table_root, sizeof(root));
	ck_assert_int_eq(tables_get_body(p.bodies.data, p.bodies.len, BODIES,
	    &rec), GW_ETRUNC);
	ck_assert_int_eq(tables_get_body(p.bodies.data, p.bodies.len,
	    UINT32_MAX, &rec), GW_ETRUNC);
	p.bodies.data[BODY_RECORD_LEN - 1] = 1;
	ck_assert_int_eq(tables_get_body(p.bodies.data, p.bodies.len, 0,
	    &rec), GW_EFORMAT);
	p.bodies.data[BODY_RECORD_LEN - 1] = 0;
	p.bodies.data[23] = 1;	/* a length that padding never gives */
	ck_assert_int_eq(tables_get_body(p.bodies.data, p.bodies.len, 0,
	    &rec), GW_EFORMAT);
	ck_assert_int_eq(tables_root(p.bodies.data, 95, root), GW_EFORMAT);
	buf_clear(&p.bodies);
}
END_TEST

START_TEST(any_change_is_found)
{
	struct parcel p;
	size_t i;

	make(&p);
	ck_assert_int_eq(check(&p), GW_OK);
	for (i = 0; i < p.bodies.len; i++) {
		p.bodies.data[i] ^= 1;
		ck_assert_int_eq(check(&p), GW_EHASH);
		p.bodies.data[i] ^= 1;
	}
	for (i = 0; i < sizeof(p.keys); i++) {
		p.keys[i] ^= 0x80;
		ck_assert_int_eq(check(&p), GW_EHASH);
		p.keys[i] ^= 0x80;
	}
	for (i = 0; i < sizeof(p.statement); i++) {
		p.statement[i] ^= 0x80;
		ck_assert_int_eq(check(&p), GW_EHASH);
		p.statement[i] ^= 0x80;
	}
	p.h.total_padded += 4096;
	ck_assert_int_eq(check(&p), GW_EHASH);
	buf_clear(&p.bodies);
}
END_TEST

START_TEST(layout_adds_up)
{
	struct parcel_layout l;
	struct parcel p;

	make(&p);
	ck_assert_int_eq(tables_layout(&p.h, 515, &l), GW_OK);
	ck_assert_uint_eq(l.body_table_off, 515);
	ck_assert_uint_eq(l.body_table_len, BODIES * 96);
	ck_assert_uint_eq(l.key_table_off, 515 + BODIES * 96);
	ck_assert_uint_eq(l.statement_off, l.key_table_off + sizeof(p.keys));
	ck_assert_uint_eq(l.total_len, l.statement_off + 80);
	ck_assert_int_eq(tables_layout(&p.h, 514, &l), GW_ETRUNC);
	ck_assert_int_eq(tables_layout(&p.h, 516, &l), GW_EFORMAT);
	p.h.body_count = PARCEL_BODIES_MAX + 1;
	ck_assert_int_eq(tables_layout(&p.h, 515, &l), GW_EFORMAT);
	buf_clear(&p.bodies);
}
END_TEST

START_TEST(sealed_tables_are_bound)
{
	uint8_t out[32 * BODIES], other[32] = { 3 };
	struct parcel p;

	make(&p);
#define OPEN(key, label, id, len) tables_open(key, label, id, p.keys, len, out)
	ck_assert_int_eq(OPEN(parcel_key, "gwp1 keys", parcel_id,
	    sizeof(p.keys)), GW_OK);
	ck_assert_uint_eq(out[32 * BODIES - 1], 7);
	ck_assert_int_eq(OPEN(other, "gwp1 keys", parcel_id,
	    sizeof(p.keys)), GW_EAUTH);
	ck_assert_int_eq(OPEN(parcel_key, "gwp1 statement", parcel_id,
	    sizeof(p.keys)), GW_EAUTH);
	ck_assert_int_eq(OPEN(parcel_key, "gwp1 keys", other,
	    sizeof(p.keys)), GW_EAUTH);
	ck_assert_int_eq(OPEN(parcel_key, "gwp1 keys", parcel_id,
	    sizeof(p.keys) - 1), GW_EAUTH);
	ck_assert_int_eq(OPEN(parcel_key, "gwp1 keys", parcel_id, 15),
	    GW_ETRUNC);
#undef OPEN
	buf_clear(&p.bodies);
}
END_TEST

START_TEST(no_bodies_no_tables)
{
	struct parcel_header h;

	memset(&h, 0, sizeof(h));
	ck_assert_int_eq(sha256_of("", 0, h.body_table_root), GW_OK);
	ck_assert_int_eq(sha256_of("", 0, h.key_table_hash), GW_OK);
	ck_assert_int_eq(sha256_of("", 0, h.statement_hash), GW_OK);
	ck_assert_int_eq(tables_check(&h, NULL, NULL, NULL), GW_OK);
	h.statement_hash[0] ^= 1;
	ck_assert_int_eq(tables_check(&h, NULL, NULL, NULL), GW_EHASH);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("tables");

	tcase_add_test(tc, records_survive_the_way);
	tcase_add_test(tc, any_change_is_found);
	tcase_add_test(tc, layout_adds_up);
	tcase_add_test(tc, sealed_tables_are_bound);
	tcase_add_test(tc, no_bodies_no_tables);
	return run_case(tc);
}
