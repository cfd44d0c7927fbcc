/* What the test of the C face does in C: the header is read by a C compiler, and called as an app
 * would. Answers the number of the first step that went wrong, 0 for none. */
#ifndef SOFTPOS_CLIENT_CHECK_H
#define SOFTPOS_CLIENT_CHECK_H

#ifdef __cplusplus
extern "C" {
#endif

int client_check_purchase(const char* socket_path, char key_out[40]);
int client_check_wallet(const char* socket_path);
int client_check_arguments(const char* socket_path);
int client_check_unreachable(const char* socket_path);
int client_check_codes(void);

#ifdef __cplusplus
}
#endif

#endif
