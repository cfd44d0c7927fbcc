include(GoogleTest)

# softpos_module(NAME [NEEDS MODULE...] [LINKS LIBRARY...] [TESTS_NEED MODULE...])
#
# One folder is one module: its .cc files make the library NAME, its *_test.cc files the program
# NAME_test. NEEDS is the only list of what the module may include; tools/tidy.py reads it here and
# refuses every other #include. TESTS_NEED adds what only the tests may include.
function(softpos_module NAME)
    cmake_parse_arguments(ARG "" "" "NEEDS;LINKS;TESTS_NEED" ${ARGN})

    file(GLOB sources CONFIGURE_DEPENDS *.cc *.c)
    set(tests ${sources})
    list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
    list(FILTER tests INCLUDE REGEX "_test\\.cc$")

    if(sources)
        add_library(${NAME} STATIC ${sources})
        set(scope PUBLIC)
    else()
        add_library(${NAME} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_include_directories(${NAME} ${scope} ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${NAME} ${scope} ${ARG_NEEDS} ${ARG_LINKS})

    if(tests)
        add_executable(${NAME}_test ${tests})
        target_link_libraries(${NAME}_test PRIVATE ${NAME} ${ARG_TESTS_NEED} GTest::gmock
                                                   GTest::gtest_main)
        gtest_discover_tests(
            ${NAME}_test
            DISCOVERY_TIMEOUT 60
            WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
            PROPERTIES TIMEOUT 300 LABELS ${NAME}
        )
    endif()
endfunction()

# Everything that a user runs, and no test.
add_custom_target(programs)

# softpos_program(NAME SOURCE... [NEEDS MODULE...] [LINKS LIBRARY...])   one main(), to build/PRESET/bin.
function(softpos_program NAME)
    cmake_parse_arguments(ARG "" "" "NEEDS;LINKS" ${ARGN})
    add_executable(${NAME} ${ARG_UNPARSED_ARGUMENTS})
    target_link_libraries(${NAME} PRIVATE ${ARG_NEEDS} ${ARG_LINKS})
    target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    add_dependencies(programs ${NAME})
endfunction()
