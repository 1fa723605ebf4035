/* SPDX-License-Identifier: ISC */
#ifndef POLICY_TABLE_H
#define POLICY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The compiled policy: one gateway.yaml and its flows as fixed-size records
 * in a sealed memfd.  The loader (the only code that sees YAML) writes it,
 * the parent hands the same read-only fd to every process, and each maps it
 * and checks the digest.  Same machine, same build: host byte order.
 *
 * All text fields are NUL padded UTF-8 and always hold at least one NUL.
 */

#define POLICY_MAGIC 0x53454b50u /* "SEKP" */
#define POLICY_VERSION 1

#define POLICY_ID_LEN 48       /* flow, channel, zone ids: [a-z0-9-]{1,47} */
#define POLICY_TEXT_LEN 256
#define POLICY_PATH_LEN 512
#define POLICY_ADDR_LEN 96
#define POLICY_FLOWS_MAX 512
#define POLICY_CHANNELS_MAX 16
#define POLICY_PEOPLE_MAX 256	/* role assignments */
#define POLICY_RECIPIENTS_MAX 64

enum policy_lang { POLICY_JA, POLICY_EN };
enum policy_channel_role { POLICY_SENDER = 1, POLICY_RECEIVER = 2 };
enum policy_carrier { POLICY_TLS = 1 };
enum policy_ack { POLICY_ACK_TICK = 1, POLICY_ACK_IMMEDIATE = 2 };

enum policy_role {
	POLICY_STAFF = 1 << 0,	/* everybody who may open the socket */
	POLICY_APPROVER = 1 << 1,
	POLICY_OFFICER = 1 << 2,
	POLICY_AUDITOR = 1 << 3,
	POLICY_ADMINISTRATOR = 1 << 4
};

/*
 * Stages in the order they run.  A stage is a bit in stage masks and the
 * index of its zygote.  MANIFEST always runs; NULL replaces IDENTIFY, CLAM
 * and CONFIRM in a zone whose own card is a bench card.
 */
enum policy_stage {
	STAGE_MANIFEST = 0,
	STAGE_IDENTIFY = 1,
	STAGE_CLAM = 2,
	STAGE_SANITIZE = 3,
	STAGE_CONFIRM = 4,
	STAGE_NULL = 5,
	STAGE_COUNT = 6
};
#define STAGE_BIT(s) (1u << (s))

/*
 * File types a flow can accept and identify can report; bit n of the accept
 * mask is type n.  Names are those of flows' accept lists.
 * X(constant, name in YAML, extensions, label ja, label en)
 */
#define POLICY_TYPE_TABLE(X)                                                  \
	X(TYPE_TEXT, "text", "txt log md text", "テキスト", "text")           \
	X(TYPE_CSV, "csv", "csv tsv", "CSV", "CSV")                           \
	X(TYPE_PDF, "pdf", "pdf", "PDF", "PDF")                               \
	X(TYPE_DOCX, "docx", "docx", "Word文書", "Word document")             \
	X(TYPE_XLSX, "xlsx", "xlsx", "Excelブック", "Excel workbook")         \
	X(TYPE_PPTX, "pptx", "pptx", "PowerPoint", "PowerPoint")              \
	X(TYPE_OOXML_MACRO, "ooxml-macro", "docm xlsm pptm dotm xltm potm",   \
	    "マクロ付きOffice文書", "Office document with macros")            \
	X(TYPE_DOC, "doc", "doc dot", "旧Word文書", "legacy Word document")   \
	X(TYPE_XLS, "xls", "xls xlt", "旧Excelブック", "legacy Excel workbook") \
	X(TYPE_PPT, "ppt", "ppt pot pps", "旧PowerPoint", "legacy PowerPoint") \
	X(TYPE_RTF, "rtf", "rtf", "RTF", "RTF")                               \
	X(TYPE_ODT, "odt", "odt", "ODF文書", "ODF text")                      \
	X(TYPE_ODS, "ods", "ods", "ODF表計算", "ODF spreadsheet")             \
	X(TYPE_ODP, "odp", "odp", "ODFプレゼン", "ODF presentation")          \
	X(TYPE_JPEG, "jpeg", "jpg jpeg jpe jfif", "JPEG画像", "JPEG image")   \
	X(TYPE_PNG, "png", "png", "PNG画像", "PNG image")                     \
	X(TYPE_GIF, "gif", "gif", "GIF画像", "GIF image")                     \
	X(TYPE_TIFF, "tiff", "tif tiff", "TIFF画像", "TIFF image")            \
	X(TYPE_WEBP, "webp", "webp", "WebP画像", "WebP image")                \
	X(TYPE_BMP, "bmp", "bmp dib", "BMP画像", "BMP image")                 \
	X(TYPE_HEIC, "heic", "heic heif avif", "HEIC画像", "HEIC image")      \
	X(TYPE_SVG, "svg", "svg", "SVG画像", "SVG image")                     \
	X(TYPE_METAFILE, "metafile", "emf wmf", "メタファイル", "metafile")   \
	X(TYPE_XML, "xml", "xml", "XML", "XML")                               \
	X(TYPE_JSON, "json", "json geojson", "JSON", "JSON")                  \
	X(TYPE_HTML, "html", "html htm xhtml", "HTML", "HTML")                \
	X(TYPE_EML, "eml", "eml", "メール(eml)", "mail (eml)")                \
	X(TYPE_MSG, "msg", "msg", "メール(msg)", "mail (msg)")                \
	X(TYPE_ZIP, "zip", "zip", "ZIP", "ZIP")                               \
	X(TYPE_7Z, "7z", "7z", "7z", "7z")                                    \
	X(TYPE_LZH, "lzh", "lzh lha", "LZH", "LZH")                           \
	X(TYPE_TAR, "tar", "tar", "TAR", "TAR")                               \
	X(TYPE_GZIP, "gzip", "gz tgz", "GZIP", "GZIP")                        \
	X(TYPE_CAB, "cab", "cab", "CAB", "CAB")                               \
	X(TYPE_RAR, "rar", "rar", "RAR", "RAR")                               \
	X(TYPE_JTD, "jtd", "jtd jtt jtdc", "一太郎文書", "Ichitaro document") \
	X(TYPE_XDW, "xdw", "xdw xbd xct", "DocuWorks文書",                    \
	    "DocuWorks document")                                             \
	X(TYPE_DXF, "dxf", "dxf", "DXF図面", "DXF drawing")                   \
	X(TYPE_SXF, "sxf", "sfc p21", "SXF図面", "SXF drawing")               \
	X(TYPE_DWG, "dwg", "dwg", "DWG図面", "DWG drawing")                   \
	X(TYPE_JWW, "jww", "jww jwc", "JWW図面", "JWW drawing")               \
	X(TYPE_DBF, "dbf", "dbf", "DBF", "DBF")                               \
	X(TYPE_FIXED, "fixed", "dat fix", "固定長", "fixed length records")   \
	X(TYPE_AUDIO, "audio", "mp3 wav wma m4a flac ogg", "音声", "audio")   \
	X(TYPE_VIDEO, "video", "mp4 mov avi wmv mkv", "動画", "video")        \
	X(TYPE_EXECUTABLE, "executable",                                      \
	    "exe dll com scr bat cmd ps1 vbs js jar msi lnk hta chm iso sh",  \
	    "実行形式", "executable")                                         \
	X(TYPE_UNKNOWN, "unknown", "", "不明な形式", "unknown type")

enum policy_type {
#define X(constant, name, ext, ja, en) constant,
	POLICY_TYPE_TABLE(X)
#undef X
	TYPE_COUNT
};
_Static_assert(TYPE_COUNT <= 64, "accept mask is 64 bits");
#define TYPE_BIT(t) (UINT64_C(1) << (t))

enum policy_sanitize {
	SANITIZE_NONE, SANITIZE_L1, SANITIZE_L2, SANITIZE_L3, SANITIZE_TEXT
};
enum policy_submitter { SUBMITTER_OWNER, SUBMITTER_FOLDER, SUBMITTER_FIXED };
enum policy_complete {
	COMPLETE_CLOSE, COMPLETE_RENAME, COMPLETE_DONE, COMPLETE_QUIET
};
enum policy_exists { EXISTS_NUMBER, EXISTS_HOLD, EXISTS_REPLACE };
enum policy_deliver { DELIVER_FOLDER = 1, DELIVER_INBOX = 2, DELIVER_BOTH = 3 };

struct policy_channel {
	char id[POLICY_ID_LEN];
	char peer[POLICY_ID_LEN];	/* peer zone */
	char address[POLICY_ADDR_LEN];	/* "127.0.1.2:7443", connect or listen */
	uint32_t role;			/* enum policy_channel_role */
	uint32_t carrier;
	uint32_t ack;
	uint32_t ack_tick_ms;
	uint32_t max_in_flight;		/* bodies, 1..4 */
	uint32_t pad;
};

struct policy_person {
	char account[POLICY_ID_LEN];	/* Unix account name as written */
	uint32_t uid;			/* resolved by the loader */
	uint32_t roles;			/* enum policy_role bits */
};

struct policy_approval_step {
	uint32_t roles;			/* any of these may decide */
	uint32_t count;			/* how many different people */
};
#define POLICY_STEPS_MAX 5

struct policy_flow {
	char id[POLICY_ID_LEN];
	char from[POLICY_ID_LEN];
	char to[POLICY_ID_LEN];
	char channel[POLICY_ID_LEN];	/* ours that carries it, "" if none */
	char purpose[POLICY_TEXT_LEN];
	char legal_ground[POLICY_TEXT_LEN];
	char owner_section[POLICY_TEXT_LEN];
	char contact[POLICY_TEXT_LEN];
	char class[8];			/* "1" "2" "3A" "3B" "3C" */
	char submitter_name[POLICY_ID_LEN];	/* with SUBMITTER_FIXED */
	char recipients[POLICY_RECIPIENTS_MAX][POLICY_ID_LEN];
	uint64_t accept;		/* TYPE_BIT mask */
	uint64_t file_bytes, transfer_bytes;
	uint64_t until_ms;		/* first moment it no longer holds */
	uint32_t files;
	uint32_t stages;		/* STAGE_BIT mask, MANIFEST included */
	uint32_t sanitize;
	uint32_t submitter, complete, on_exists, deliver;
	uint32_t is_ordered;
	uint32_t original_days;
	uint32_t recipient_count;
	uint32_t step_count;
	struct policy_approval_step steps[POLICY_STEPS_MAX];
	uint32_t scan_batch;		/* 1..64: files per identify/clam worker */
	uint32_t formula_guard;		/* CSV cells that begin = + - @: 1 holds */
	uint32_t file_mode;		/* permission bits of delivered files */
	uint32_t weight;		/* share of the link, 1..100 */
	uint32_t pad;
	uint8_t digest[32];		/* SHA-256 of this record, digest zero */
};

struct policy_zone {
	char zone[POLICY_ID_LEN];
	char letter[8];			/* receipt numbers: "I", "L", "M" */
	char state_dir[POLICY_PATH_LEN];
	char folders[POLICY_PATH_LEN];
	char signature_dir[POLICY_PATH_LEN];
	uint64_t quota_bytes;
	uint64_t ballast_bytes;
	uint32_t lang;
	uint32_t signature_max_age_days;
	uint32_t stop_intake_pct, stop_fetch_pct;
	uint32_t clock_jump_alarm_s;
	uint32_t workers;		/* scan workers at once, 1..64 */
};

struct policy_table {
	uint32_t magic, version;
	uint32_t size;			/* sizeof(struct policy_table) */
	uint32_t flow_count, channel_count, person_count;
	uint64_t compiled_ms;
	uint8_t digest[32];		/* SHA-256 of the table, digest zero */
	struct policy_zone zone;
	struct policy_channel channels[POLICY_CHANNELS_MAX];
	struct policy_person people[POLICY_PEOPLE_MAX];
	struct policy_flow flows[POLICY_FLOWS_MAX];
};

/*
 * Map a sealed memfd read-only after checking seals, size, magic, version,
 * digest, counts, and that every text field ends.  The map lives until
 * policy_unmap.  Errors: GW_EPROTO (not sealed), GW_EFORMAT, GW_EVERSION,
 * GW_EHASH.
 */
GW_MUST_CHECK enum gw_err policy_map(int fd, const struct policy_table **out);
void policy_unmap(const struct policy_table *);

/* Find by id; NULL if there is none. */
const struct policy_flow *policy_find_flow(const struct policy_table *,
    const char *id);
const struct policy_channel *policy_find_channel(const struct policy_table *,
    const char *id);

/* Roles of a Unix uid, always with POLICY_STAFF. */
uint32_t policy_roles(const struct policy_table *, uint32_t uid);

/* Name in YAML, labels; by extension (lower case): TYPE_UNKNOWN if none. */
const char *policy_type_name(enum policy_type);
const char *policy_type_label(enum policy_type, enum policy_lang);
enum policy_type policy_type_by_name(const char *);
enum policy_type policy_type_by_ext(const char *);
bool policy_type_has_ext(enum policy_type, const char *ext);

/* Word of a stage in YAML, logs and screens ("clam"). */
const char *policy_stage_name(enum policy_stage);

/* Is this flow open at wall_ms (not past its end)? */
bool policy_flow_is_open(const struct policy_flow *, uint64_t wall_ms);

#endif
