/** How the background process begins that the launcher starts: see stratafs.cts. */
void import('./launched-main.js')
