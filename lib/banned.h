/*
 * Functions that cannot be used safely are compile errors here. Included
 * after every system header; jobq_buf and jobq_parse_* take their places.
 */
#ifndef JOBQ_BANNED_H
#define JOBQ_BANNED_H

#pragma GCC poison strcpy strcat strncpy sprintf vsprintf strtok atoi atol gets

#endif
