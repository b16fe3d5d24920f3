/** How the background process begins: see ../cli/stratafs.cts. */
void import('./background-main.js')
