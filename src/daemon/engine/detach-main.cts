/** How the process that unmounts begins: see ../cli/stratafs.cts. */
void import('./detach-main.js')
