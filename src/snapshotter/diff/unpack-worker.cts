/** How a thread that unpacks layers begins: see ../../cli/stratafs.cts. */
void import('./unpack-worker.js')
