/** How the thread that stores an archive begins: see ../cli/stratafs.cts. */
void import('./write-worker.js')
