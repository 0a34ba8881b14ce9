// Which service is which, for servers, clients and those who only pretend to be one.

/** Answers with the request. */
export const ECHO_ID = 301;
/** Answers after a timer of 2 ms. */
export const TIMER_ID = 302;
/** One handler at a time, which takes its time: nearly every call is told BUSY. */
export const NARROW_ID = 303;
/** Offered by nobody. */
export const NOBODYS_ID = 399;
