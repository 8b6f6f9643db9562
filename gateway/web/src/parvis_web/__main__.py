from parvis_web.main import main

main()
