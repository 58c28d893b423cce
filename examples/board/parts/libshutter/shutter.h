/* The fastest time of the shutter, in microseconds, of a lens. */
int shutter_fastest(const char *lens);
