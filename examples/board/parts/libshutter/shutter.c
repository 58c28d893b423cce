#include "shutter.h"

#include <string.h>
#include <zlib.h>

int shutter_fastest(const char *lens)
{
	return 100 + (int)(crc32(0, (const unsigned char *)lens, strlen(lens)) % 100);
}
