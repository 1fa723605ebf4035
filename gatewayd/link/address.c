/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "policy/table.h"
#include "gatewayd/link/address.h"

static enum gw_err
parse_port(const char *text, in_port_t *out)
{
	char *end;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return GW_EFORMAT;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || port == 0 || port > 65535)
		return GW_EFORMAT;
	*out = htons((in_port_t)port);
	return GW_OK;
}

enum gw_err
address_parse(
    const char *text, struct sockaddr_storage *out, socklen_t *len_out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	char host[POLICY_ADDR_LEN];
	const char *start = text, *end;
	bool is_v6 = text[0] == '[';

	if (is_v6)
		start++;
	end = is_v6 ? strstr(start, "]:") : strchr(start, ':');
	if (end == NULL || (size_t)(end - start) >= sizeof(host))
		return GW_EFORMAT;
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	memset(out, 0, sizeof(*out));
	if (is_v6) {
		if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1 ||
		    parse_port(end + 2, &v6.sin6_port) != GW_OK)
			return GW_EFORMAT;
		memcpy(out, &v6, sizeof(v6));
		*len_out = sizeof(v6);
	} else {
		if (inet_pton(AF_INET, host, &v4.sin_addr) != 1 ||
		    parse_port(end + 1, &v4.sin_port) != GW_OK)
			return GW_EFORMAT;
		memcpy(out, &v4, sizeof(v4));
		*len_out = sizeof(v4);
	}
	return GW_OK;
}

unsigned
address_port(const struct sockaddr_storage *sa)
{
	if (sa->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
	return ntohs(((const struct sockaddr_in *)sa)->sin_port);
}
