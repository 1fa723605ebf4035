/* SPDX-License-Identifier: ISC */
#include "proto/record/transfer_state.h"

const char *
transfer_state_word(enum transfer_state state)
{
	switch (state) {
#define X(name, value, word, ja, en)                                          \
	case name:                                                            \
		return word;
		TRANSFER_STATE_TABLE(X)
#undef X
	}
	return "?";
}

const char *
transfer_state_ja(enum transfer_state state)
{
	switch (state) {
#define X(name, value, word, ja, en)                                          \
	case name:                                                            \
		return ja;
		TRANSFER_STATE_TABLE(X)
#undef X
	}
	return "?";
}

const char *
transfer_state_en(enum transfer_state state)
{
	switch (state) {
#define X(name, value, word, ja, en)                                          \
	case name:                                                            \
		return en;
		TRANSFER_STATE_TABLE(X)
#undef X
	}
	return "?";
}
