/* A library that lies beside a plugin. */
int neighbour(void) { return 7; }
