import sys

if __name__ == "__main__":
    sys.exit(f"not yet: {sys.argv[1:]}")
