// Service ids of the measured servers: apart from their handlers, so that who only calls them needs no library.
export const EXCHANGE_ID = 101;
export const STREAM_ID = 102;
export const BUFFER_ID = 103;
export const STARVED_WRITER_ID = 104;
export const STARVED_READER_ID = 105;
export const FILE_READER_ID = 106;
export const NEW_CALL_ID = 107;
/** That of rxperf. */
export const RXPERF_ID = 147;
